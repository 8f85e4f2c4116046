"""A small GeoIP database, so that every package that shows places has something to look up."""

from __future__ import annotations

from pathlib import Path

__all__ = ["ADDRESSES", "write_database"]

CITIES = {
    "130.236.63": ("Linköping", "Sweden", "SE"),
    "128.59.18": ("New York", "United States", "US"),
    "134.157.26": ("Paris", "France", "FR"),
    "133.11.30": ("Tokyo", "Japan", "JP"),
    "146.87.121": ("Manchester", "United Kingdom", "GB"),
}
CITIES |= {f"11.0.{number}": (f"Town {number}", "Sweden", "SE") for number in range(15)}
ADDRESSES = [f"{network}.10" for network in CITIES]


def write_database(path: Path) -> None:
    """Write a database of these cities, in the form of GeoLite2-City."""
    from mmdb_writer import MMDBWriter
    from netaddr import IPNetwork, IPSet

    writer = MMDBWriter(ip_version=4, database_type="GeoLite2-City", languages=["en"])
    for network, (city, country, code) in CITIES.items():
        named = {"iso_code": code, "names": {"en": country}, "is_in_european_union": False}
        writer.insert_network(
            IPSet([IPNetwork(f"{network}.0/24")]),
            {
                "city": {"names": {"en": city}},
                "continent": {"code": "EU", "names": {"en": "Europe"}},
                "country": named,
                "registered_country": named,
                "location": {"latitude": 0.0, "longitude": 0.0, "time_zone": "UTC"},
            },
        )
    writer.to_db_file(str(path))
