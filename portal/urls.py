from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.i18n import set_language

handler403 = "onboarding.views.trouble.permission_denied"
handler404 = "onboarding.views.trouble.page_not_found"
handler500 = "onboarding.views.trouble.server_error"

urlpatterns = [
    path("accounts/", include("allauth.urls")),
    *([path("admin/", admin.site.urls)] if settings.ADMIN_ENABLED else []),
    path("language/", set_language, name="set_language"),
    path("", include("onboarding.urls")),
]
