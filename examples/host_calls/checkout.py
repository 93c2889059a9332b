"""Knows how to add up a purchase, and asks the application for prices."""

import asyncio
from typing import List

import charmer


class Checkout(charmer.Adapter):
    @charmer.command
    async def total(self, items: List[str]) -> float:
        """All prices are asked for at once."""
        ask = charmer.host.call_async
        prices = [ask("price_of", {"item": item}) for item in items]
        return sum(await asyncio.gather(*prices))
