"""Base objects, and who may see which of them."""

from django.conf import settings
from django.db import models
from django.db.models import Q


class Region(models.Model):
    name = models.CharField(max_length=50)
    users = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="regions")


class BaseObject(models.Model):
    remarks = models.CharField(max_length=100, blank=True)


class Regionalised(models.Model):
    region = models.ForeignKey(Region, on_delete=models.CASCADE)

    @classmethod
    def _get_objects_for_user(cls, user, queryset=None):
        queryset = cls._default_manager if queryset is None else queryset
        return queryset.filter(Q() if user.is_superuser else Q(region__in=user.regions.all()))

    class Meta:
        abstract = True
