"""The doors for changes of subscriptions: the portfolio, surge protection, closing and staleness."""

from apps.subscriptions.services.cycles import close_cycle, lock_customer, lock_customers, mark_stale
from apps.subscriptions.services.portfolio import Imported, PortfolioRefused, import_portfolio
from apps.subscriptions.services.surge import SurgeRefused, change_surge

__all__ = [
    "Imported",
    "PortfolioRefused",
    "SurgeRefused",
    "change_surge",
    "close_cycle",
    "import_portfolio",
    "lock_customer",
    "lock_customers",
    "mark_stale",
]
