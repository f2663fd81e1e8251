"""Groups of endpoints in configuration files."""

import pytest
import yaml

pytestmark = pytest.mark.envoy
FIRST, SECOND, THIRD = (f"https://127.0.0.1:{port}/base" for port in (8443, 8444, 8445))
GROUP = {
    "kind": "load_balance",
    "algorithm": "least_request",
    "session": "cookie",
    "sessionTimeout": 60,
    "sessionHeader": "ClientID",
    "healthCheck": {"path": "/health", "interval": 5, "timeout": 2, "statuses": "200"},
    "productionWeight": 2,
    "productionPriority": 3,
    "production": [{"url": SECOND, "weight": 3, "priority": 1}, {"url": THIRD, "weight": 1, "priority": 2}],
}


def write(file, group=None, **more):
    api = {"name": "Pizza", "context": "/pizza", "version": "1", "production": FIRST} | more
    file.write_text(yaml.dump({"holdfast": 1, "apis": [api | ({"endpointGroup": group} if group else {})]}))
    return ("-f", str(file))


def export_api(command):
    return yaml.safe_load(command.run("export").output)["apis"][0]


def test_files_set_change_keep_export_and_remove_groups(command, tmp_path):
    file = tmp_path / "holdfast.yaml"
    output = command.run("apply", *write(file, GROUP), "--yes").output
    assert f"{SECOND} (weight 3, priority 1), {THIRD} (weight 1, priority 2)" in output
    assert "sessionHeader" not in output  # the default
    assert export_api(command)["endpointGroup"] == GROUP
    command.run("diff", *write(file, GROUP))  # nothing differs
    changed = GROUP | {"sessionTimeout": 90}
    output = command("diff", *write(file, changed)).output
    assert output == "~ change api Pizza:1\n    endpointGroup: sessionTimeout: 60 -> sessionTimeout: 90\n"
    command.run("apply", *write(file, description="Without a group"), "--yes")
    assert export_api(command)["endpointGroup"] == GROUP

    # Exported files restore everything elsewhere.
    file.write_text(command.run("export").output)
    command.run("api", "delete", "Pizza", "--yes")
    command.run("apply", "-f", str(file), "--yes")
    assert export_api(command)["endpointGroup"] == GROUP
    output = command.run("api", "show", "Pizza").output
    assert f"{SECOND} (weight 3, priority 1)" in output
    assert "/health" in output

    failover = {"kind": "failover", "production": [{"url": THIRD}]}
    command.run("apply", *write(file, failover), "--yes")
    command.run("diff", *write(file, failover))
    assert export_api(command)["endpointGroup"]["production"] == [{"url": THIRD, "weight": 1}]
    command.run("apply", *write(file, {"kind": "none"}), "--yes")
    assert "endpointGroup" not in export_api(command)


def test_mistakes_in_groups_name_the_field(command, tmp_path):
    file = tmp_path / "holdfast.yaml"
    for group, expected in (
        ({"kind": "failover", "production": [{"url": FIRST}]}, "twice"),
        ({"kind": "failover", "production": [{"url": "http://127.0.0.1:1/base"}]}, "https"),
        ({"kind": "load_balance", "production": [{"url": SECOND, "weight": "many"}]}, "weight"),
        ({"kind": "load_balance", "production": [{"url": SECOND, "priority": "first"}]}, "priority"),
        ({"kind": "failover", "production": [{"url": SECOND, "priority": 1}]}, "contradicts the order"),
        ({"kind": "load_balance", "sandbox": [{"url": SECOND}]}, "Set sandbox"),
        ({"kind": "load_balance", "session": "magic"}, "none, cookie, header"),
        ({"kind": "load_balance", "healthCheck": {"path": "health"}}, "/health"),
    ):
        assert expected in command.fail("diff", *write(file, group)), group
