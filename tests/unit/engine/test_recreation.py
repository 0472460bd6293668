# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.holdfast.persistence.plugins.module_utils.engine._recreation import (
    Creation,
    Layer,
    bound_sources,
    creation,
    layer,
    networks_of,
    references,
    volumes_of,
)

ID = "0123456789ab" + "c" * 52


def container(host: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return {
        "Id": ID,
        "Name": "/db",
        "Config": {"Image": "postgres:16", "Hostname": ID[:12], "Env": ["A=b"], "ExposedPorts": {"80/tcp": {}}},
        "HostConfig": {"NetworkMode": "default", **(host or {})},
        "Mounts": [],
        "NetworkSettings": {"Networks": {"bridge": {"IPAMConfig": None, "Aliases": None, "MacAddress": ""}}},
        **changes,
    }


def created(found: dict[str, Any], **names: str) -> Creation:
    return creation(found, "postgres:16", "pgdata", "local", names)


def test_configuration_is_taken_over_as_it_is() -> None:
    config = created(container({"Memory": 5, "CapAdd": ["NET_ADMIN"]})).config
    assert (config["Env"], config["Hostname"], config["Image"]) == (["A=b"], ID[:12], "postgres:16")
    assert (config["HostConfig"]["Memory"], config["HostConfig"]["CapAdd"]) == (5, ["NET_ADMIN"])
    assert config["NetworkingConfig"] == {"EndpointsConfig": {"bridge": {}}}


def test_a_volume_without_a_name_is_mounted_by_the_one_that_it_got() -> None:
    host = {"Binds": ["pgdata:/data/:ro", "/srv:/srv"], "Mounts": [{"Type": "volume", "Target": "/cache"}]}
    mounts = [
        {"Type": "volume", "Name": "pgdata", "Destination": "/data", "RW": False},
        {"Type": "bind", "Source": "/srv", "Destination": "/srv", "RW": True},
        {"Type": "volume", "Name": "f00d", "Destination": "/cache", "RW": True},
        {"Type": "volume", "Name": "beef", "Destination": "/anon", "RW": True},
    ]
    config = created(container(host, Mounts=mounts)).config
    assert config["HostConfig"]["Binds"] == ["pgdata:/data/:ro", "/srv:/srv"]
    options = {"Type": "volume", "ReadOnly": False, "VolumeOptions": {"NoCopy": True}}
    assert config["HostConfig"]["Mounts"] == [
        {**options, "Source": "f00d", "Target": "/cache"},
        {**options, "Source": "beef", "Target": "/anon"},
    ]


def test_its_volumes_are_those_with_and_without_a_name() -> None:
    mounts = [{"Type": "volume", "Name": name} for name in ("pgdata", "f00d")] + [{"Type": "bind", "Source": "/srv"}]
    assert volumes_of(container(Mounts=mounts)) == {"pgdata", "f00d"}
    assert volumes_of(container(Mounts=None)) == set()


def test_the_old_definition_in_a_mount_is_left_out() -> None:
    options = {"NoCopy": True, "DriverConfig": {"Name": "sshfs"}}
    mount = {"Type": "volume", "Source": "pgdata", "Target": "/data", "VolumeOptions": options}
    config = created(container({"Mounts": [mount], "VolumeDriver": "sshfs"})).config
    assert config["HostConfig"]["Mounts"] == [{**mount, "VolumeOptions": {"NoCopy": True}}]
    assert config["HostConfig"]["VolumeDriver"] == ""


def test_every_network_is_joined_with_what_was_asked_for() -> None:
    networks = {
        "one": {
            "IPAMConfig": {"IPv4Address": "172.30.0.5"},
            "IPAddress": "172.30.0.5",
            "Aliases": ["database", ID[:12]],
            "MacAddress": "02:42:ac:1e:00:05",
            "NetworkID": "n1",
            "Gateway": "172.30.0.1",
        },
        "two": {"Aliases": ["second"], "MacAddress": "02:00:00:00:00:07", "IPAddress": "172.31.0.2", "NetworkID": "n2"},
    }
    found = created(container({"NetworkMode": "n1"}, NetworkSettings={"Networks": networks}))
    assert found.config["NetworkingConfig"]["EndpointsConfig"] == {
        "one": {"IPAMConfig": {"IPv4Address": "172.30.0.5"}, "Aliases": ["database"]}
    }
    assert found.connect == {"two": {"Aliases": ["second"], "MacAddress": "02:00:00:00:00:07"}}
    assert found.disconnect == ()


def test_a_network_that_was_left_is_left_again() -> None:
    found = created(container({"NetworkMode": "one"}, NetworkSettings={"Networks": {"two": {}}}))
    assert "NetworkingConfig" not in found.config
    assert (found.connect, found.disconnect) == ({"two": {}}, ("one",))


@pytest.mark.parametrize("mode", ["host", "none"])
def test_a_container_without_networks_of_its_own_joins_none(mode: str) -> None:
    found = container({"NetworkMode": mode}, NetworkSettings={"Networks": {mode: {}}})
    assert networks_of(found) == ()
    assert "NetworkingConfig" not in created(found).config


def test_who_lives_in_another_containers_network_follows_it_by_its_name() -> None:
    other = "f" * 64
    host = {
        "NetworkMode": f"container:{other}",
        "PidMode": "container:kept",
        "VolumesFrom": [f"{other}:ro"],
        "Links": ["/cache:/db/redis"],
        "PortBindings": {"80/tcp": []},
    }
    found = container(host, NetworkSettings={"Networks": {}})
    assert references(found) == {other, "kept", "cache"}
    config = created(found, **{other: "proxy"}).config
    assert config["HostConfig"]["NetworkMode"] == "container:proxy"
    assert config["HostConfig"]["PidMode"] == "container:kept"
    assert config["HostConfig"]["VolumesFrom"] == ["proxy:ro"]
    assert config["HostConfig"]["Links"] == ["cache:redis"]
    assert (config["Hostname"], config["ExposedPorts"], config["HostConfig"]["PortBindings"]) == ("", None, None)


def test_docker_makes_no_missing_source_of_a_mount() -> None:
    mounts = [{"Type": "bind", "Source": "/srv/a", "Target": "/a"}, {"Type": "tmpfs", "Target": "/t"}]
    assert bound_sources(container({"Mounts": mounts, "Binds": ["/srv/b:/b"]})) == ("/srv/a",)


def changes(*paths: str) -> list[dict[str, Any]]:
    """ "A /path" as ``docker diff`` writes it."""
    return [{"Kind": "CAD".index(path[0]), "Path": path[2:]} for path in paths]


def test_a_layer_without_its_mount_points_and_fleeting_places() -> None:
    found = container({"Tmpfs": {"/scratch": ""}}, Mounts=[{"Destination": "/var/lib/data"}])
    made = ("C /var", "C /var/lib", "A /var/lib/data", "A /scratch", "C /etc", "C /etc/hosts", "A /.dockerenv")
    assert layer(found, changes(*made, "C /run", "A /run/pid", "A /tmp/x", "A /var/lib/data/inner")) == Layer()
    written = changes(*made, "A /etc/app", "A /etc/app/conf", "D /etc/motd")
    assert layer(found, written) == Layer(
        ("/var", "/var/lib", "/etc", "/etc/app", "/etc/app/conf"), deleted=("/etc/motd",)
    )


def test_a_directory_with_other_permissions_is_written() -> None:
    assert layer(container(), changes("C /srv")) == Layer(("/srv",))


def test_a_container_that_cannot_write_to_its_layer_has_nothing_there() -> None:
    assert layer(container({"ReadonlyRootfs": True}), changes("A /data")) == Layer()
