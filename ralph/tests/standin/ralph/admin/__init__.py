"""The admin, as Ralph's."""

default_app_config = "ralph.admin.apps.RalphAdminConfig"
