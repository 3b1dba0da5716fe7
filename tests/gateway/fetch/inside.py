"""Addresses that no picture is fetched from, one of each kind at least."""

INSIDE = (
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "169.254.0.1",
    "169.254.169.254",  # metadata: AWS, Azure, GCP, OpenStack
    "169.254.170.2",  # metadata: ECS
    "100.64.0.1",
    "100.100.100.200",  # metadata: Alibaba Cloud
    "168.63.129.16",  # metadata: Azure
    "192.0.0.192",  # metadata: Oracle
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",  # IPv4-compatible
    "::ffff:127.0.0.1",  # IPv4-mapped
    "::ffff:8.8.8.8",
    "::ffff:0:10.0.0.1",  # IPv4-translated
    "64:ff9b::a9fe:a9fe",  # NAT64
    "64:ff9b:1::7f00:1",
    "2002:7f00:1::1",  # 6to4
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",  # Teredo
    "2606:4700::5efe:7f00:1",  # ISATAP
    "fe80::1",
    "fe80::1%lo",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",  # metadata: AWS
    "fd20:ce::254",  # metadata: GCP
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "3fff::1",
    "5f00::1",
)
