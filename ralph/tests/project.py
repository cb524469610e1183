"""Settings and addresses of the tests' project: what of Ralph the tabs need, this app, SQLite in memory."""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
for path in (os.path.join(HERE, "standin"), os.path.dirname(HERE)):
    if path not in sys.path:
        sys.path.insert(0, path)

SECRET_KEY = "tests"
DEBUG = False
ALLOWED_HOSTS = ["*"]
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = True
LANGUAGE_CODE = "en"
USE_L10N = True
ROOT_URLCONF = "project"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("TABS_DB", ":memory:")}}
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.admin",
    "ralph.assets",
    "ralph.data_center",
    "ralph.back_office",
    "ralph.admin.apps.RalphAdminConfig",
    "ralph_ext_tabs.apps.ExtensionTabs",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [os.path.join(HERE, "standin", "templates")],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
RALPH_EXT_TABS = {"TABS": {"cost": "Cost"}, "TIMEOUT": 0.5}

# Addresses, once Django is set up.
if "django" in sys.modules and os.environ.get("TABS_READY"):
    from django.urls import path

    from ralph.admin.sites import ralph_site

    urlpatterns = [path("", ralph_site.urls)]
