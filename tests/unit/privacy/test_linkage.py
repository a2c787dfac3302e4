import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskmodel.errors import PrivacyError
from riskmodel.privacy.keys import PseudonymKey
from riskmodel.privacy.linkage import open_links, seal_links
from riskmodel.privacy.pseudonyms import pseudonymise_ids

SCHOOL, HEALTH, LINKAGE, OTHER = (PseudonymKey(bytes(range(n, n + 32))) for n in range(4))


def pseudonyms(n):
    ids = pd.Series([f"SIM{number:09d}" for number in range(n)])
    main = pseudonymise_ids(ids, SCHOOL, domain="school")
    return main, pseudonymise_ids(ids, HEALTH, domain="health")


@given(st.integers(1, 30), st.randoms())
def test_the_linkage_key_joins_what_belongs_together_and_only_that(n, random):
    main, own = pseudonyms(n)
    links = seal_links(main, own, LINKAGE, source="health")
    shuffled = links.sample(frac=1, random_state=random.randint(0, 99))
    assert open_links(shuffled, main, LINKAGE, source="health").tolist() == own.tolist()


def test_the_links_show_no_pseudonym_nor_their_order():
    main, own = pseudonyms(200)
    links = seal_links(main, own, LINKAGE, source="health")
    assert list(links) == ["source", "subject_id", "sealed"]
    shown = set(links["subject_id"]) | set(links["sealed"])
    assert len(shown) == 400
    assert not shown & (set(main) | set(own))
    assert links["subject_id"].is_monotonic_increasing
    assert not links["sealed"].is_monotonic_increasing
    assert links["sealed"].str.fullmatch("[0-9a-f]{32}").all()
    turned = seal_links(main[::-1], own[::-1], LINKAGE, source="health")
    pd.testing.assert_frame_equal(links, turned)


@pytest.mark.parametrize(
    ("key", "source"), [(OTHER, "health"), (SCHOOL, "health"), (HEALTH, "health")]
)
def test_without_the_linkage_key_nothing_is_joined(key, source):
    main, own = pseudonyms(50)
    links = seal_links(main, own, LINKAGE, source="health")
    with pytest.raises(PrivacyError, match="opens none"):
        open_links(links, main, key, source="health")


def test_a_person_without_a_link_stays_without_one():
    main, own = pseudonyms(5)
    links = seal_links(main[:3], own[:3], LINKAGE, source="health")
    opened = open_links(links, main, LINKAGE, source="health")
    assert opened.isna().tolist() == [False, False, False, True, True]
    assert open_links(links, main[:0], LINKAGE, source="health").empty


def test_two_sources_of_one_person_have_nothing_in_common():
    main, own = pseudonyms(50)
    first = seal_links(main, own, LINKAGE, source="health")
    second = seal_links(main, own, LINKAGE, source="social")
    columns = ["subject_id", "sealed"]
    assert not set(first[columns].to_numpy().ravel()) & set(second[columns].to_numpy().ravel())
