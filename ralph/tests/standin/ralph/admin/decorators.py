"""Registers views."""

from ralph.admin.sites import ralph_site
from ralph.admin.views.extra import RalphExtraViewMixin


class register_extra_view(object):  # noqa: N801
    def __init__(self, target_model):
        self.target_model = target_model

    def __call__(self, view):
        admin = ralph_site._registry[self.target_model]
        if not issubclass(view, RalphExtraViewMixin):
            raise ValueError("The view must be inherit from RalphDetailView or RalphListView")
        admin.change_views = admin.change_views or []
        admin.change_views.append(view)
        view.post_register(ralph_site.name, self.target_model)
        return view
