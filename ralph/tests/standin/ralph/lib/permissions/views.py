"""A permission for each view class."""

from django.contrib.auth.views import redirect_to_login
from django.http import HttpResponseForbidden

views = []


def guarded(func):
    def wraps(self, request, *args, **kwargs):
        if not request.user.is_authenticated:
            return redirect_to_login(next=request.get_full_path())
        perm = "%s.%s" % (kwargs["model"]._meta.app_label, self.permision_codename) if kwargs.get("model") else ""
        if request.user.has_perm(perm):
            return func(self, request, *args, **kwargs)
        return HttpResponseForbidden()

    return wraps


class PermissionMeta(type):
    def __new__(cls, name, bases, attrs):
        codename = "can_view_extra_%s" % name.lower()
        attrs["permision_codename"] = codename
        new_class = super().__new__(cls, name, bases, attrs)
        new_class.dispatch = guarded(new_class.dispatch)
        views.append((new_class, codename))
        return new_class


def update_permissions(sender, **kwargs):
    if sender.name != "django.contrib.auth":
        return
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    from ralph.admin.sites import ralph_site

    models = {view: model for model, admin in ralph_site._registry.items() for view in admin.change_views or []}
    for view, codename in views:
        if view in models:
            ct = ContentType.objects.get_for_model(models[view])
            Permission.objects.get_or_create(content_type=ct, codename=codename, defaults={"name": view.__name__})
