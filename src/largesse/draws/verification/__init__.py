"""Re-checks proofs and receipts, offline, without trusting or sharing the code that drew.

It knows nothing of largesse but the rules as the pages tell them, on purpose: a mistake in the dice
or in the stock must not be made here, too. The rules are written down once more in JavaScript, in
`http/static/draws/verify.js`; the tests hold both against each other.

Read `proof.py` first: it goes through a proof line by line and asks the others.
"""
