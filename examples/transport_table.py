"""Penguins of one island become penguins of the other: a table with mixed columns is moved.

Prints means and shares, and writes ``transport_table.png``, the distribution of every column, and
``transport_table.html``, a report, into the current directory.
"""

from pathlib import Path

import pandas as pd

from skflow import TableTransport
from skflow.plotting import MarginalsDisplay

data = Path(__file__).parent / "data"
biscoe = pd.read_csv(data / "penguins_biscoe.csv")
dream = pd.read_csv(data / "penguins_dream.csv")

columns = [name for name in dream if name != "rowid"]
transport = TableTransport(columns=columns, random_state=0).fit(dream)
moved = transport.transform(biscoe)  # rowid and the index are the source's own

numbers = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
means = {"Biscoe": biscoe, "moved": moved, "Dream": dream}
print(pd.DataFrame({name: table[numbers].mean() for name, table in means.items()}).round(1).T)
print()
for column in ("species", "sex", "year"):
    shares = {name: table[column].value_counts(normalize=True) for name, table in means.items()}
    print(pd.DataFrame(shares).fillna(0).round(2).T, end="\n\n")

display = MarginalsDisplay.from_tables(biscoe, moved, dream, columns=columns)
display.figure_.savefig("transport_table.png", dpi=110)
transport.report(biscoe, moved).save("transport_table.html")
