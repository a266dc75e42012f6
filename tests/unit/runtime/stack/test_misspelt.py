"""A setting whose name nothing reads is named, with the one that was meant."""

import pytest

from runtime.stack.misspelt import known_settings, misspelt

pytestmark = pytest.mark.unit

KNOWN = known_settings()


def test_a_misspelt_setting_is_named_with_the_right_one():
    sentence = "DD_GATWAY_PORT is no setting; is DD_GATEWAY_PORT meant?"
    assert misspelt([], {"DD_GATWAY_PORT": "80"}, KNOWN) == [sentence]
    assert misspelt(["DD_GATWAY_PORT"], {}, KNOWN) == [sentence]


def test_what_is_in_our_own_file_and_nothing_reads_is_named_in_any_case():
    assert misspelt(["DD_SOMETHING_ELSE", "OS_CLOUD"], {}, KNOWN) == ["DD_SOMETHING_ELSE is no setting"]


def test_names_of_another_program_in_the_environment_are_its_own():
    assert misspelt([], {"DD_API_KEY": "", "DD_AGENT_HOST": "", "DD_TRACE_ENABLED": ""}, KNOWN) == []


def test_every_setting_that_is_read_is_known():
    read = ["DD_DATA", "DD_GATEWAY_PORT", "DD_GATEWAY_NETWORKS", "DD_MAX_HOSTS", "DD_HOST_NETWORK", "dd_cloud"]
    assert misspelt(read, {}, KNOWN) == []
