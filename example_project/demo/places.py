"""Thirty cities, and a GeoIP database of them.

This is sample data: do not locate anyone with it. Each city has a public IPv4 /24, since addresses
reserved for documentation are not looked up, and a /48 of unassigned IPv6 space.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Any, NamedTuple

from mmdb_writer import MMDBWriter
from netaddr import IPNetwork, IPSet

__all__ = ["PLACES", "Place", "write_database"]


class Place(NamedTuple):
    """A city as GeoLite2-City describes it."""

    city: str
    country: str
    country_code: str
    continent_code: str
    latitude: float
    longitude: float
    time_zone: str
    ipv4: IPv4Network
    ipv6: IPv6Network

    def address(self, number: int, *, ipv6: bool = False) -> str:
        """Return the address of that number in the city, one of twelve."""
        if ipv6:
            return str(self.ipv6[(number << 64) + 0x8D3F_51FF_FE2A_0C77])
        return str(self.ipv4[number * 21])

    def record(self) -> dict[str, Any]:
        """Return the record in the database, with the fields of GeoLite2-City."""
        country = {
            "iso_code": self.country_code,
            "names": {"en": self.country},
            "is_in_european_union": self.country_code in EUROPEAN_UNION,
        }
        return {
            "city": {"names": {"en": self.city}},
            "continent": {
                "code": self.continent_code,
                "names": {"en": CONTINENTS[self.continent_code]},
            },
            "country": country,
            "registered_country": country,
            "location": {
                "accuracy_radius": 20,
                "latitude": self.latitude,
                "longitude": self.longitude,
                "time_zone": self.time_zone,
            },
        }


CONTINENTS = {
    "AF": "Africa",
    "AS": "Asia",
    "EU": "Europe",
    "NA": "North America",
    "OC": "Oceania",
    "SA": "South America",
}
EUROPEAN_UNION = {"CZ", "DE", "DK", "ES", "FR", "GR", "IE", "PL", "PT", "SE"}

# city | country | ISO code | continent | latitude | longitude | three octets | time zone
TABLE = """
Linköping    | Sweden         | SE | EU |  58.42 |   15.62 | 130.236.63  | Europe/Stockholm
Copenhagen   | Denmark        | DK | EU |  55.68 |   12.57 | 130.225.80  | Europe/Copenhagen
Oslo         | Norway         | NO | EU |  59.91 |   10.75 | 129.240.29  | Europe/Oslo
Reykjavík    | Iceland        | IS | EU |  64.14 |  -21.90 | 130.208.187 | Atlantic/Reykjavik
Edinburgh    | United Kingdom | GB | EU |  55.95 |   -3.20 | 129.215.104 | Europe/London
London       | United Kingdom | GB | EU |  51.51 |   -0.13 | 128.16.125  | Europe/London
Dublin       | Ireland        | IE | EU |  53.33 |   -6.25 | 134.226.42  | Europe/Dublin
Paris        | France         | FR | EU |  48.85 |    2.35 | 134.157.26  | Europe/Paris
Berlin       | Germany        | DE | EU |  52.52 |   13.41 | 130.149.20  | Europe/Berlin
Zurich       | Switzerland    | CH | EU |  47.37 |    8.55 | 129.132.8   | Europe/Zurich
Prague       | Czechia        | CZ | EU |  50.09 |   14.42 | 147.32.105  | Europe/Prague
Kraków       | Poland         | PL | EU |  50.06 |   19.94 | 149.156.143 | Europe/Warsaw
Madrid       | Spain          | ES | EU |  40.42 |   -3.70 | 147.96.237  | Europe/Madrid
Lisbon       | Portugal       | PT | EU |  38.72 |   -9.13 | 193.136.77  | Europe/Lisbon
Athens       | Greece         | GR | EU |  37.98 |   23.73 | 147.102.207 | Europe/Athens
Istanbul     | Türkiye        | TR | AS |  41.01 |   28.95 | 160.75.198  | Europe/Istanbul
New York     | United States  | US | NA |  40.71 |  -74.01 | 128.59.18   | America/New_York
Chicago      | United States  | US | NA |  41.85 |  -87.65 | 128.135.59  | America/Chicago
Seattle      | United States  | US | NA |  47.61 | -122.33 | 128.95.136  | America/Los_Angeles
Toronto      | Canada         | CA | NA |  43.70 |  -79.42 | 128.100.140 | America/Toronto
Mexico City  | Mexico         | MX | NA |  19.43 |  -99.13 | 132.248.95  | America/Mexico_City
São Paulo    | Brazil         | BR | SA | -23.55 |  -46.64 | 143.107.73  | America/Sao_Paulo
Buenos Aires | Argentina      | AR | SA | -34.61 |  -58.38 | 157.92.202  | America/Buenos_Aires
Cape Town    | South Africa   | ZA | AF | -33.93 |   18.42 | 137.158.47  | Africa/Johannesburg
Nairobi      | Kenya          | KE | AF |  -1.28 |   36.82 | 197.136.214 | Africa/Nairobi
Tokyo        | Japan          | JP | AS |  35.69 |  139.69 | 133.11.30   | Asia/Tokyo
Seoul        | South Korea    | KR | AS |  37.57 |  126.98 | 147.46.70   | Asia/Seoul
Singapore    | Singapore      | SG | AS |   1.29 |  103.85 | 137.132.57  | Asia/Singapore
Melbourne    | Australia      | AU | OC | -37.81 |  144.96 | 128.250.240 | Australia/Melbourne
Auckland     | New Zealand    | NZ | OC | -36.85 |  174.76 | 130.216.9   | Pacific/Auckland
"""


def read_table() -> dict[str, Place]:
    places = {}
    for number, line in enumerate(TABLE.strip().splitlines(), start=1):
        city, country, code, continent, lat, lon, octets, zone = map(str.strip, line.split("|"))
        places[city] = Place(
            *(city, country, code, continent, float(lat), float(lon), zone),
            IPv4Network(f"{octets}.0/24"),
            IPv6Network(f"2e00:f:{number:x}::/48"),
        )
    return places


PLACES = read_table()


def write_database(path: Path) -> None:
    """Write a GeoLite2-City database of ``PLACES``, replacing an existing file."""
    writer = MMDBWriter(
        ip_version=6,
        ipv4_compatible=True,
        database_type="GeoLite2-City",
        languages=["en"],
        description="Sample data of the django-session-ui example",
    )
    for place in PLACES.values():
        networks = IPSet([IPNetwork(str(place.ipv4)), IPNetwork(str(place.ipv6))])
        writer.insert_network(networks, place.record())
    # In one step, so that a running server never reads half a file.
    unfinished = path.with_suffix(".new")
    writer.to_db_file(str(unfinished))
    os.replace(unfinished, path)
