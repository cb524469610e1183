"""Which object a model's instance is in the keys. It must not know Redis."""


def is_base_object(model):
    """Whether the model shares the id space of Ralph's base objects."""
    for parent in model.__mro__:
        meta = getattr(parent, "_meta", None)
        if meta is not None and not meta.abstract and (meta.app_label, meta.model_name) == ("assets", "baseobject"):
            return True
    return False


def object_id(instance):
    """``"4711"``, or ``"data_center.rack.12"``; Ralph keeps the id of a base object when its model changes."""
    model = instance._meta.concrete_model
    if is_base_object(model):
        return str(instance.pk)
    return "%s.%s.%s" % (model._meta.app_label, model._meta.model_name, instance.pk)
