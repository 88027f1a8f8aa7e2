"""The shapes of what the API of customers answers, for its description."""

from rest_framework import serializers as of

from apps.core.described import list_of, shape

CUSTOMER = shape(
    "Customer",
    {
        "ref": of.CharField(),
        "name": of.CharField(),
        "country": of.CharField(),
        "partner": of.CharField(help_text="The partner's reference."),
    },
)
CUSTOMER_PAGE = list_of("Customer", CUSTOMER)
