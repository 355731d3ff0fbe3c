"""Hands that are threads of the test's process: what a cluster's workers are, without the cluster."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pipeline.errors import Unreachable
from pipeline.hands import doing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pipeline.context import Context
    from pipeline.hands.orders import AnyOrder, Told


class Dead(Exception):
    """A hand is gone, as after SIGKILL: it tells nothing."""


@dataclass
class Crowd:
    """So many hands. `begins` may raise for an order: its hand dies before it does anything."""

    context: Context
    count: int = 2
    patience_seconds: float = 60.0
    begins: Callable[[AnyOrder], None] = lambda _: None
    orders: list[AnyOrder] = field(default_factory=list)
    """All that were ever given out."""
    told: list[Told] = field(default_factory=list)

    @contextmanager
    def working(self, orders: Sequence[AnyOrder]) -> Iterator[Tasks]:
        """Gives out orders; whoever has begun comes to their end."""
        if not self.count:
            raise Unreachable("no answer")
        self.orders += orders
        with ThreadPoolExecutor(self.count) as pool:
            yield Tasks({order: pool.submit(self._do, order) for order in orders})

    def _do(self, order: AnyOrder) -> Told:
        self.begins(order)
        said = doing.do(order, self.context)
        self.told.append(said)
        return said


@dataclass
class Tasks:
    """Orders that were given out."""

    futures: dict[AnyOrder, Future[Told]]

    def told(self) -> Mapping[AnyOrder, Told | None]:
        """What has ended."""
        ended = {order: future for order, future in self.futures.items() if future.done()}
        return {
            order: None if future.cancelled() or isinstance(future.exception(), Dead) else future.result()
            for order, future in ended.items()
        }

    def cancel(self) -> None:
        """Those that have not begun do not begin."""
        for future in self.futures.values():
            future.cancel()


@dataclass
class Idle:
    """An engine that takes orders, and has nobody who works on them."""

    patience_seconds: float
    cancelled: list[Future[Told]] = field(default_factory=list)

    @contextmanager
    def working(self, orders: Sequence[AnyOrder]) -> Iterator[Tasks]:
        """Takes orders."""
        waiting: dict[AnyOrder, Future[Told]] = {order: Future() for order in orders}
        yield Tasks(waiting)
        self.cancelled += [future for future in waiting.values() if future.cancelled()]
