"""Takes and returns messages of shop.proto."""

import charmer
from shop_pb2 import Order, Receipt

PRICES = {"bread": 3.5, "milk": 1.25}


class Counter(charmer.Adapter):
    @charmer.command
    def buy(self, order: Order) -> Receipt:
        total = PRICES[order.item] * order.pieces
        return Receipt(text=f"{order.pieces} x {order.item}", total=total)

    @charmer.command
    def echo(self, data: bytes) -> bytes:
        """Bytes go both ways as they are."""
        return data
