"""Assets that belong to a region."""

from ralph.assets.models import BaseObject, Regionalised


class BackOfficeAsset(Regionalised, BaseObject):
    pass
