"""The tabs on Ralph's pages. It must not know what a key holds.

Ralph's own base view looks an object up without asking whether the user may see it (regions): this one asks.
"""

from django.http import Http404
from django.utils.translation import gettext_lazy as _

from . import conf
from .downloads import download
from .ids import object_id
from .sections import sections

DOWNLOAD = "ext_download"


class ExtensionsMixin:
    """What every tab does. A plain class: Ralph makes a permission of every view class that there is."""

    template_name = "ralph_ext_tabs/tab.html"
    icon = "puzzle-piece"
    service = None

    def get_object(self, model, pk):
        """The object, if the user may see it; a missing one and a forbidden one look the same."""
        queryset = model.objects.filter(pk=pk)
        for_user = getattr(model, "_get_objects_for_user", None)
        if for_user is not None:
            queryset = for_user(self.request.user, queryset)
        # A region may be joined more than once.
        found = queryset.first()
        if found is None:
            raise model.DoesNotExist()
        return found

    def extensions(self):
        """What is known of the object."""
        found = object_id(self.object)
        if self.service is not None:
            return conf.reader().page(found, [self.service]), ()
        return conf.reader().page(found), set(conf.get("TABS")) | set(conf.get("HIDE"))

    def get(self, request, *args, **kwargs):
        """The tab, or one extension's content as a file."""
        service = request.GET.get(DOWNLOAD)
        if service is None:
            return super().get(request, *args, **kwargs)
        page, hidden = self.extensions()
        response = None if service in hidden else download(page, service)
        if response is None:
            raise Http404()
        return response

    def get_context_data(self, **kwargs):
        """Ralph's own, and the sections."""
        context = super().get_context_data(**kwargs)
        page, hidden = self.extensions()
        context["ext_sections"] = sections(page, hidden)
        context["ext_problem"] = page.problem
        return context


def register(register_extra_view):
    """A tab on every model's page, one view class for each, as Ralph wants it."""
    from ralph.admin.sites import ralph_site
    from ralph.admin.views.extra import RalphDetailView

    wanted = conf.get("MODELS")
    wanted = None if wanted is None else {label.lower() for label in wanted}
    tabs = [("Extensions", "extensions", _("Extensions"), None)]
    tabs += [
        ("Extension" + "".join(part.capitalize() for part in service.split("-")), "ext-" + service, label, service)
        for service, label in sorted(conf.get("TABS").items())
    ]
    for model in sorted(ralph_site._registry, key=lambda model: model._meta.label_lower):
        if wanted is not None and model._meta.label_lower not in wanted:
            continue
        for name, url_name, label, service in tabs:
            attributes = {
                "label": label,
                "name": url_name.replace("-", "_"),
                "url_name": url_name,
                "service": service,
                "__module__": __name__,
                "__doc__": "%s of %s." % (name, model._meta.label),
            }
            class_name = "%s%s%s" % (name, model._meta.app_label.title().replace("_", ""), model.__name__)
            register_extra_view(model)(type(RalphDetailView)(class_name, (ExtensionsMixin, RalphDetailView), attributes))
