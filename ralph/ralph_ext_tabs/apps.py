"""The Django app. Inside of Ralph it adds the tabs; anywhere else there are the template tags."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ExtensionTabs(AppConfig):
    """See the module."""

    name = "ralph_ext_tabs"
    verbose_name = _("Extension tabs")

    def ready(self):
        """Registers the tabs where Ralph is there; its admin has to be loaded, so this app stands after Ralph's own."""
        try:
            from ralph.admin.decorators import register_extra_view
        except ImportError:
            return
        from .tabs import register

        register(register_extra_view)
