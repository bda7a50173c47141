"""Several tenants behind one application: each with its own policy, keys and memory, chosen by request.

from jwt_signer_mw.tenants import Tenants
from jwt_signer_mw.tenants.wsgi import TenantsMiddleware

app = TenantsMiddleware(app, Tenants({"a.example": {...}, "b.example": {...}}))
"""

from __future__ import annotations

from jwt_signer_mw.tenants.choosing import TENANT, Asked, Tenants, normal_host

__all__ = ["TENANT", "Asked", "Tenants", "normal_host"]
