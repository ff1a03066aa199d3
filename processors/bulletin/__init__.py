"""The monthly bulletin of a plan as a document: wholly in one language, each number with where it is explained. How it is drawn,
as a page or as PDF, is in `cityflux/printed.py` and `printed_pdf.py`."""
