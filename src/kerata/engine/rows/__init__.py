"""A proof that padded rows of a batch have no influence: read off what was traced, never guessed.

The last batch of an epoch has fewer samples than the others. It can run the same program, filled up with rows that are
not there, if nothing that is kept depends on them. Whether that is so is followed through the program's own operations:

- A function is traced for two sizes of the batch. What differs between the two shapes of an array is its batch axis.
- An array is *sound* if it is what the unpadded program would have: an array without a batch axis as a whole, one with a
  batch axis in the rows that are there. Operations that treat rows alike keep arrays sound; a sum, a sort, a slice over the
  batch axis does not, and neither does a number that was computed from the batch's size: it differs between the two traces.
- An array may also be known to hold one number in all its padded rows (its *filling*). A sum over the batch axis is sound
  where the filling is 0, a maximum where it is minus infinity: so a loss that leaves padded rows out is proved to do so.

An operation that no rule here knows proves nothing. That costs a program of the last batch's own size, and no wrong number.
"""

from kerata.engine.rows.cut import CHANGES as CHANGES
from kerata.engine.rows.cut import KEPT as KEPT
from kerata.engine.rows.cut import SAMPLES as SAMPLES
from kerata.engine.rows.cut import STAYS as STAYS
from kerata.engine.rows.cut import Cut as Cut
from kerata.engine.rows.cut import cut as cut
from kerata.engine.rows.proof import may_be_samples as may_be_samples
from kerata.engine.rows.proof import why_rows_matter as why_rows_matter
