"""Makes permissions of views after migrations."""

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class RalphAdminConfig(AppConfig):
    name = "ralph.admin"
    label = "ralph_admin"

    def ready(self):
        from ralph.lib.permissions.views import update_permissions

        import ralph.registrations  # noqa: F401

        post_migrate.connect(update_permissions)
