"""The doors for changes of subscriptions: the portfolio, surge protection, offers' settings, closing and staleness."""

from apps.subscriptions.services.cycles import (
    close_cycle,
    forget_late,
    lock_customer,
    lock_customers,
    mark_all_late,
    mark_all_stale,
    mark_cycles_late,
    mark_late,
    mark_stale,
)
from apps.subscriptions.services.portfolio import Imported, PortfolioRefused, import_portfolio
from apps.subscriptions.services.settings import SettingsRefused, change_offer_settings
from apps.subscriptions.services.surge import SurgeRefused, change_surge

__all__ = [
    "Imported",
    "PortfolioRefused",
    "SettingsRefused",
    "SurgeRefused",
    "change_offer_settings",
    "change_surge",
    "close_cycle",
    "forget_late",
    "import_portfolio",
    "lock_customer",
    "lock_customers",
    "mark_all_late",
    "mark_all_stale",
    "mark_cycles_late",
    "mark_late",
    "mark_stale",
]
