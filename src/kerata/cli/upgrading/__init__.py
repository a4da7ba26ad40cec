"""`kerata upgrade`: old programs in today's words, from the tables of the eras."""

from kerata.cli.upgrading.program import Upgraded as Upgraded
from kerata.cli.upgrading.program import upgrade as upgrade
