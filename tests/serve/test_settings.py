"""Which channels are wanted."""

import pytest

from craton.errors import ConfigError
from craton.serve.settings import Feed, Wanted, stations


@pytest.mark.parametrize(
    ("select", "name", "takes"),
    [
        ((), "XX.AAA..HHZ", True),
        (("XX_AAA:HH?",), "XX.AAA..HHZ", True),
        (("XX_AAA:HH?",), "XX.AAA.10.HHZ", True),
        (("XX_AAA:10HHZ",), "XX.AAA.10.HHZ", True),
        (("XX_AAA:10HHZ",), "XX.AAA..HHZ", False),
        (("XX_AAA:--HHZ",), "XX.AAA..HHZ", True),
        (("XX_AAA:HHZ.D",), "XX.AAA..HHZ", True),
        (("XX_AAA:HHZ BHZ",), "XX.AAA..BHZ", True),
        (("XX_AAA:HHZ", "XX_AAA:BHZ"), "XX.AAA..BHZ", True),
        (("XX_AAA",), "XX.AAA..BHZ", True),
        (("X?_*:HHZ",), "XY.QQQ..HHZ", True),
        (("XX_AAA:HHZ",), "XX.AAB..HHZ", False),
        (("XX_AAA:HHZ",), "XX.AAA..HHN", False),
    ],
)
def test_channels_are_chosen_as_seedlink_names_them(select, name, takes):
    """Station, channel, location."""
    assert Wanted(stations(select)).takes(name) is takes
    wanted = Wanted(stations(select))
    assert [wanted.takes(name) for _ in range(2)] == [takes, takes]


@pytest.mark.parametrize("select", ["AAA", "XX_", "_AAA:HHZ", "XX_AAA:Z", "XX_A_B:HHZ"])
def test_an_entry_that_names_no_channels_is_one_clear_error(select):
    """It says how to write one."""
    with pytest.raises(ConfigError, match=r"names no channels.*NET_STA:CHA"):
        stations((select,))


def test_a_list_with_commas_is_taken_from_the_command_line():
    """As one word."""
    assert Feed(select="XX_AAA:HHZ HHN, XX_BBB:HH?").select == ("XX_AAA:HHZ HHN", "XX_BBB:HH?")
