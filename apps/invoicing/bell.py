"""Ringing for the tasks of invoicing without loading what does them: the PDF engine is for workers alone."""

from celery import signature

compare_control_paper = signature("apps.invoicing.tasks.compare_control_paper")
render_invoice_pdf = signature("apps.invoicing.tasks.render_invoice_pdf")
render_pending_pdfs = signature("apps.invoicing.tasks.render_pending_pdfs")
