import pytest

from riskmodel.core.schema import TABLES


@pytest.mark.parametrize("name", TABLES)
def test_dates_and_keys_name_columns_that_exist(name):
    table = TABLES[name]
    named = {table.person, *table.unique, *([table.date] if table.date else [])}
    assert named <= set(table.columns)
    if table.date:
        assert table.columns[table.date].type == "date"
