#!/bin/sh
# Copyright (c) 2026, the holdfast.persistence contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# An authority for a month, and a certificate by it for each host that is named.
set -eu
cd /etc/tls
umask 077
new_key="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
# shellcheck disable=SC2086
openssl req -x509 $new_key -keyout ca.key -out ca.new -days 30 -subj /CN=authority-of-the-test
for host; do
    # shellcheck disable=SC2086
    openssl req $new_key -keyout "$host.key" -out "$host.csr" -subj "/CN=$host"
    printf 'subjectAltName=DNS:%s\n' "$host" >"$host.ext"
    openssl x509 -req -in "$host.csr" -CA ca.new -CAkey ca.key -CAcreateserial -out "$host.pem" -days 30 \
        -extfile "$host.ext"
done
mv ca.new ca.pem
