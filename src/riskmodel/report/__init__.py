"""Reports: from results, through plain dictionaries, to pages and workbooks."""
