"""The report of a dataset's runs: tables, figures, pages.

- ``report.py``: the whole of it
- ``settings.py``: what the page shows
- ``results.py``: what the runs' files tell
- ``tables.py``: tables of results
- ``table_formats.py``: a table as Markdown, LaTeX, CSV or HTML
- ``paper_tables.py``: the paper's Tables I to V
- ``conclusion.py``: what it says in words
- ``labels.py``: results label by label
- ``comparisons.py``: differences between methods with intervals
- ``figures.py``: histograms and curves
- ``small_multiples.py``: those of many methods, a panel each
- ``plot_style.py``: colours and fonts of all figures
- ``page.py``: the report as one HTML file
- ``gallery.py``: queries and their nearest photos, as a page
- ``templates/``: Jinja2 templates
"""
