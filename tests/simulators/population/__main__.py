"""`python -m tests.simulators.population --port N [--key-file FILE]`."""

import sys

from tests.simulators.peer import serve_signed

from .service import PopulationDatabase

if __name__ == "__main__":
    sys.exit(serve_signed(PopulationDatabase, key_name="POPULATION_KEY", description=__doc__))
