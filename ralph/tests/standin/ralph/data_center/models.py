"""One base object, and one model with ids of its own."""

from django.db import models

from ralph.assets.models import BaseObject


class DataCenterAsset(BaseObject):
    hostname = models.CharField(max_length=50)


class Rack(models.Model):
    name = models.CharField(max_length=50)
