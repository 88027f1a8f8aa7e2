from django.urls import path

from apps.dashboard.views import CustomersCsvView, CustomersView, HomeView

app_name = "dashboard"
urlpatterns = [
    path("", HomeView.as_view(), name="home"),
    path("customers/", CustomersView.as_view(), name="customers"),
    path("customers.csv", CustomersCsvView.as_view(), name="customers-csv"),
]
