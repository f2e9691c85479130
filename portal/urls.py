from django.conf import settings
from django.contrib import admin
from django.urls import include, path

handler500 = "onboarding.views.trouble.server_error"

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    *([path("admin/", admin.site.urls)] if settings.ADMIN_ENABLED else []),
    path("", include("onboarding.urls")),
]
