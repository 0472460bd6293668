# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How modules reach Docker: the options and environment variables of community.docker."""

from __future__ import annotations


class ModuleDocFragment:
    """``holdfast.persistence.docker``: used by every module that talks to Docker through the SDK for Python."""

    DOCUMENTATION = r"""
options:
  docker_host:
    description:
      - The URL of the Docker API, as V(unix:///path/to/socket), V(tcp://host:port) or V(ssh://user@host).
      - With O(tls) or O(validate_certs), C(tcp) is taken as C(https).
      - Without it, the environment variable E(DOCKER_HOST) serves, else the default.
    type: str
    default: unix:///var/run/docker.sock
    aliases:
      - docker_url
  tls_hostname:
    description:
      - The name that the server's certificate must carry when it is not the one in O(docker_host).
      - Without it, the environment variable E(DOCKER_TLS_HOSTNAME) serves.
      - The Docker SDK for Python supports this before version 7.0.0 only, and it is an error with newer ones.
    type: str
  api_version:
    description:
      - The version of the Docker API to speak, for example V(1.41). V(auto) takes the newest that both sides know.
      - Without it, the environment variable E(DOCKER_API_VERSION) serves, else the default.
    type: str
    default: auto
    aliases:
      - docker_api_version
  timeout:
    description:
      - How many seconds to wait for an answer of the Docker API.
      - Without it, the environment variable E(DOCKER_TIMEOUT) serves, else the default.
    type: int
    default: 60
  ca_path:
    description:
      - Path of the certificate of the authority that signed the server's certificate.
      - Without it, C(ca.pem) in the folder named by the environment variable E(DOCKER_CERT_PATH) serves.
    type: path
    aliases:
      - ca_cert
      - tls_ca_cert
      - cacert_path
  client_cert:
    description:
      - Path of the client's certificate. Needs O(client_key).
      - Without it, C(cert.pem) in the folder named by the environment variable E(DOCKER_CERT_PATH) serves.
    type: path
    aliases:
      - tls_client_cert
      - cert_path
  client_key:
    description:
      - Path of the client's key. Needs O(client_cert).
      - Without it, C(key.pem) in the folder named by the environment variable E(DOCKER_CERT_PATH) serves.
    type: path
    aliases:
      - tls_client_key
      - key_path
  tls:
    description:
      - Use TLS without verifying who the server is. O(validate_certs) goes before it.
      - Without it, the environment variable E(DOCKER_TLS) serves, else the default.
    type: bool
    default: false
  validate_certs:
    description:
      - Use TLS and verify who the server is.
      - Without it, the environment variable E(DOCKER_TLS_VERIFY) serves, else the default.
    type: bool
    default: false
    aliases:
      - tls_verify
  use_ssh_client:
    description:
      - For V(ssh://) in O(docker_host), use the C(ssh) command instead of the Python library Paramiko.
      - Needs the Docker SDK for Python 4.4.0 or newer.
    type: bool
    default: false
  debug:
    description:
      - Has no effect. It is there for playbooks that come from community.docker, where modules accept it.
    type: bool
    default: false
requirements:
  - Docker SDK for Python, C(docker), 4.1.0 or newer (Debian's C(python3-docker))
notes:
  - The options that say how to reach Docker are those of M(community.docker.docker_volume), aliases and environment
    variables included.
"""
