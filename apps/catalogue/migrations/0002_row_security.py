from django.db import migrations

from apps.core.row_security import ALL, READ, Rights, every, own_partner, protect, same_partner, share

CHANGE = "SELECT, INSERT, UPDATE"
BOOKS_BOUGHT_BY = "IN (SELECT price_book_id FROM catalogue_partnerterms UNION SELECT price_book_id FROM catalogue_customerterms)"


class Migration(migrations.Migration):
    dependencies = [("catalogue", "0001_catalogue"), ("organisations", "0002_row_security")]

    operations = [
        share("catalogue_offer", may={"provider": CHANGE, "partner": READ, "customer": READ}),
        share("catalogue_sku", may={"provider": CHANGE, "partner": READ, "customer": READ}),
        protect("catalogue_partnerterms", provider=every(CHANGE), partner=own_partner(READ)),
        protect("catalogue_customerterms", provider=every(ALL), partner=own_partner(READ)),
        same_partner("catalogue_customerterms"),
        # A partner sees the books that it, or a customer of it, buys by: the terms are filtered by their own policy.
        protect("catalogue_pricebook", provider=every(CHANGE), partner=Rights(READ, f"id {BOOKS_BOUGHT_BY}")),
        protect(
            "catalogue_bookprice", provider=every(CHANGE), partner=Rights(READ, f"book_id {BOOKS_BOUGHT_BY}")
        ),
    ]
