"""Views beside a model's own page."""

from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponseRedirect
from django.views.generic import TemplateView

from ralph.admin.sites import ralph_site
from ralph.lib.permissions.views import PermissionMeta

CHANGE = "change"


class RalphExtraViewMixin(object):
    extra_view_base_template = None
    name = None

    def dispatch(self, request, model, views, *args, **kwargs):
        self.model = model
        self.views = views
        return super().dispatch(request, model=model, *args, **kwargs)

    @classmethod
    def post_register(cls, namespace, model):
        if getattr(cls, "namespace", None):
            raise ImproperlyConfigured("Single view class cannot be attached to more than one admin site")
        cls.namespace = namespace
        cls.url_to_reverse = "%s_%s_%s" % (model._meta.app_label, model._meta.model_name, cls.url_name)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context.update(ralph_site.each_context(self.request))
        context["BASE_TEMPLATE"] = self.extra_view_base_template
        context["title"] = self.label
        context["view_name"] = self.name
        return context


class RalphDetailView(RalphExtraViewMixin, TemplateView, metaclass=PermissionMeta):
    _type = CHANGE
    extra_view_base_template = "admin/extra_views/base_change.html"

    def get_object(self, model, pk):
        return model.objects.get(pk=pk)

    def dispatch(self, request, model, pk, *args, **kwargs):
        try:
            self.object = self.get_object(model, pk)
        except model.DoesNotExist:
            return HttpResponseRedirect("..")
        return super().dispatch(request, model, *args, **kwargs)

    def get_context_data(self, **kwargs):
        context = super().get_context_data(**kwargs)
        context["object"] = context["original"] = self.object
        context["change_views"] = self.views
        return context

    @classmethod
    def get_url_pattern(cls, model):
        return r"^%s/%s/(?P<pk>[0-9]+)/%s/$" % (model._meta.app_label, model._meta.model_name, cls.url_name)
