# Three images: `portal` (web, worker, beat, migrate), `demo` (the same with the demo's people) and `sandbox` (the
# stand-in for AWS).
ARG PYTHON_IMAGE=python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
WORKDIR /portal
ENV UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1
COPY requirements/bootstrap.lock requirements/run.lock requirements/
RUN python -m venv .venv && .venv/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements/bootstrap.lock
RUN .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/run.lock
COPY manage.py company.example.toml ./
COPY portal portal
COPY onboarding onboarding
COPY templates templates
COPY static static
# The files' names carry their digests, which only production's settings give. Its secrets are not needed for that.
RUN PORTAL_MODE=production SECRET_KEY=unused CUSTODY_PUBLIC_KEY=unused PUBLIC_URL=https://unused.invalid \
    ALLOWED_HOSTS=unused.invalid DATABASE_URL=sqlite:///unused REDIS_URL=redis://unused.invalid \
    EMAIL_URL=smtp://unused.invalid COMPANY_FILE=company.example.toml \
    .venv/bin/python manage.py collectstatic --noinput --verbosity 0

FROM ${PYTHON_IMAGE} AS portal
RUN useradd --system --no-create-home --uid 10001 portal
WORKDIR /portal
COPY --from=build /portal /portal
ENV PATH=/portal/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PORTAL_MODE=production
USER 10001
EXPOSE 8000
CMD ["uvicorn", "portal.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--lifespan", "off", "--no-access-log", "--timeout-graceful-shutdown", "5"]

FROM portal AS demo
COPY demo demo
# How the stand-in is steered; the stand-in itself has an image of its own.
COPY sandbox/__init__.py sandbox/client.py sandbox/

FROM ${PYTHON_IMAGE} AS sandbox
RUN useradd --system --no-create-home --uid 10001 sandbox
WORKDIR /sandbox
ENV UV_COMPILE_BYTECODE=1 UV_NO_CACHE=1
COPY requirements/bootstrap.lock requirements/sandbox.lock requirements/
RUN python -m venv .venv && .venv/bin/pip install --quiet --no-cache-dir --require-hashes -r requirements/bootstrap.lock
RUN .venv/bin/uv pip install --quiet --python .venv/bin/python --require-hashes -r requirements/sandbox.lock
COPY sandbox sandbox
# The demo's half-finished account was begun with the portal's own templates.
COPY onboarding/cloudformation onboarding/cloudformation
COPY company.example.toml ./
ENV PATH=/sandbox/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 10001
EXPOSE 4599
CMD ["python", "-m", "sandbox", "--host", "0.0.0.0", "--port", "4599", "--seed", "demo", "--speed", "15"]
