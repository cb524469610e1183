"""The site: each model's admin knows its further views."""

from django.contrib.admin import AdminSite, ModelAdmin
from django.urls import re_path


class RalphAdmin(ModelAdmin):
    change_views = None
    list_views = None


class RalphSite(AdminSite):
    def get_urls(self):
        urls = super().get_urls()
        for model, admin in self._registry.items():
            for view in admin.change_views or []:
                kwargs = {"model": model, "views": admin.change_views}
                urls.insert(0, re_path(view.get_url_pattern(model), view.as_view(), kwargs, view.url_to_reverse))
        return urls


ralph_site = RalphSite("ralph_admin")
