"""Ralph's models in its site."""

from ralph.admin.sites import RalphAdmin, ralph_site
from ralph.back_office.models import BackOfficeAsset
from ralph.data_center.models import DataCenterAsset, Rack

for model in (DataCenterAsset, Rack, BackOfficeAsset):
    ralph_site.register(model, RalphAdmin)
