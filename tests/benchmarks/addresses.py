"""Contestant: the product's normalisation of addresses alone, where each is distinct and every number national.

Such numbers are the dearest: nothing repeats, and each must be placed in its country's numbering plan.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from pipeline.stages.addresses import normalise_emails, normalise_phones

from . import exports


def main() -> None:
    """Says how long it took, by the clock and of the processors; making the addresses and starting up is left out."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("records", type=int)
    given = parser.parse_args()
    phones, emails = exports.addresses(given.records)
    normalise_phones(phones.head(1), "US")
    normalise_emails(emails.head(1))
    clock, processors = time.perf_counter(), time.process_time()
    numbers, addresses = normalise_phones(phones, "US"), normalise_emails(emails)
    said = {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - processors}
    usable = sum(judged.get_column("address").n_unique() for judged in (numbers, addresses))
    if usable != 2 * given.records:
        sys.exit(f"of {2 * given.records:,} addresses {usable:,} are usable and distinct")
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
