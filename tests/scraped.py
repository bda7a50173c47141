"""Metrics as Prometheus reads them: samples by name and labels."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families


class Scraped(dict[tuple[str, frozenset[tuple[str, str]]], float]):
    """The samples of one scrape."""

    @classmethod
    def of(cls, text: str) -> Scraped:
        families = text_string_to_metric_families(text)
        return cls(
            ((sample.name, frozenset(sample.labels.items())), sample.value)
            for family in families
            for sample in family.samples
        )

    def value(self, sample: str, **labels: str) -> float:
        """The sum of all samples of that name that have these labels."""
        wanted = labels.items()
        return sum(value for (name, found), value in self.items() if name == sample and wanted <= set(found))
