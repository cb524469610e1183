"""Tags for any Django template: all extensions of an object, or one of them. They must not raise."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html

import ralph_ext_tabs
from ralph_ext_tabs import conf
from ralph_ext_tabs.sections import sections

register = template.Library()


def _id(of):
    return ralph_ext_tabs.object_id(of) if hasattr(of, "_meta") else str(of)


@register.inclusion_tag("ralph_ext_tabs/sections.html")
def ext_sections(of):
    """``{% ext_sections object %}``: everything that extensions say of a model's instance, or of an id."""
    page = ralph_ext_tabs.page(_id(of))
    return {"ext_sections": sections(page, set(conf.get("HIDE"))), "ext_problem": page.problem}


@register.inclusion_tag("ralph_ext_tabs/sections.html")
def ext_section(of, service):
    """``{% ext_section object "hwinfo" %}``: what one extension says."""
    page = ralph_ext_tabs.page(_id(of), [service])
    return {"ext_sections": sections(page), "ext_problem": page.problem}


@register.simple_tag
def ext_style():
    """``{% ext_style %}``: the style sheet, once a page."""
    return format_html('<link rel="stylesheet" href="{}">', static("ralph_ext_tabs/tabs.css"))
