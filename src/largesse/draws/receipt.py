"""The receipt of a draw: what a customer keeps, so that nobody can tell him another story later.

Three lines of JSON: who gives it to whom and by which commitment, the draw as it will stand in the
bundle, and a signature. How it is checked says `verification/receipt.py`, which shares no code with
this.
"""

from hashlib import sha256

import msgspec

from largesse.campaigns.model import Campaign
from largesse.draws.bundle import Pseudonyms, Signer, base64_of, line_of
from largesse.draws.commitment import Commitment
from largesse.draws.model import Drawn
from largesse.kernel.calendar import LocalDays

FORMAT = "largesse-receipt/1"


class ReceiptWriter:
    """Writes receipts; the same one whenever it is asked for the same draw."""

    def __init__(self, signer: Signer, pseudonyms: Pseudonyms) -> None:
        self._signer = signer
        self._pseudonyms = pseudonyms
        self._days = LocalDays()

    def receipt(self, campaign: Campaign, name: str, commitment: Commitment, drawn: Drawn) -> bytes:
        """The receipt of a draw that was made while its campaign had this name and commitment."""
        customer = self._pseudonyms.of(campaign, drawn.customer)
        head = {
            "format": FORMAT,
            "campaign": campaign.id,
            "name": name,
            "public_key": base64_of(self._signer.public_key),
            "commitment": commitment.digest,
            "customer_id": drawn.customer,
            "salt": self._pseudonyms.salt_of(campaign, drawn.customer),
        }
        lines = (head, line_of(campaign, drawn, customer, self._days))
        content = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
        digest = sha256(content).hexdigest()
        signature = self._signer.sign(f"{FORMAT}|{digest}".encode())
        last = {"sha256": digest, "signature": base64_of(signature)}
        return content + msgspec.json.encode(last) + b"\n"
