// <line-chart> draws the numbers of its table as lines. Without this script, the table has them all.
const format = {
  count: new Intl.NumberFormat(),
  ms: { format: (value) => (value < 1000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`) },
  bytes: {
    format(value) {
      const power = value < 1 ? 0 : Math.min(4, Math.floor(Math.log2(value) / 10));
      return `${(value / 1024 ** power).toFixed(power ? 1 : 0).replace(/\.0$/, "")} ${["B", "KiB", "MiB", "GiB", "TiB"][power]}`;
    },
  },
};
// The distances between two ticks of an axis; without any, uPlot chooses from powers of 10.
const distances = {
  count: Array.from({ length: 15 }, (_, power) => [1, 2, 5].map((digit) => digit * 10 ** power)).flat(),
  bytes: Array.from({ length: 50 }, (_, power) => 2 ** power),
};
const HEIGHT = 160; // that .chart-plot reserves
// Where values are missing on both sides, there is no line to see.
const findSinglePoints = (values) =>
  values.flatMap((value, at) => (value != null && values[at - 1] == null && values[at + 1] == null ? [at] : []));

customElements.define("line-chart", class extends HTMLElement {
  connectedCallback() {
    this.plot = this.querySelector(".chart-plot");
    this.legend = [...this.querySelectorAll(".chart-legend li")];
    const rows = [...this.querySelectorAll("tbody tr")];
    const read = (cell) => (cell.dataset.value === undefined ? null : Number(cell.dataset.value));
    this.data = [
      rows.map((row) => Number(row.dataset.at)),
      ...this.legend.map((_, index) => rows.map((row) => read(row.cells[index + 1]))),
    ];
    if (!rows.length || this.querySelector(".chart-empty")) return;
    this.resizes = new ResizeObserver(() => this.fit());
    this.resizes.observe(this.plot);
    this.themes = new MutationObserver(() => this.draw());
    this.themes.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    this.draw();
  }

  disconnectedCallback() {
    this.resizes?.disconnect();
    this.themes?.disconnect();
    this.chart?.destroy();
  }

  fit() {
    const width = this.plot.clientWidth;
    if (this.chart && width && width !== this.chart.width) this.chart.setSize({ width, height: HEIGHT });
  }

  draw() {
    this.chart?.destroy();
    const style = getComputedStyle(this.legend[0].parentElement);
    const number = format[this.dataset.unit];
    const axis = { stroke: style.color, grid: { stroke: getComputedStyle(this.plot).borderTopColor, width: 1 }, ticks: { show: false }, font: `11px ${style.fontFamily}` };
    this.chart = new uPlot({
      width: this.plot.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
      scales: { y: { range: (_, _low, high) => [0, high > 0 ? high * 1.1 : 1] } },
      axes: [
        { ...axis, space: 70 },
        { ...axis, size: 56, space: 34, ...(distances[this.dataset.unit] && { incrs: distances[this.dataset.unit] }), values: (_, ticks) => ticks.map((tick) => number.format(tick)) },
      ],
      series: [
        {},
        ...this.legend.map((item) => {
          const color = getComputedStyle(item, "::before").backgroundColor;
          const points = { show: true, size: 5, fill: color, filter: (_, line) => findSinglePoints(this.data[line]) };
          return { stroke: color, width: 1.5, points };
        }),
      ],
      hooks: { setCursor: [(chart) => this.tell(chart.cursor.idx)] },
    }, this.data, this.plot);
  }

  // Shows the values at the mouse in the legend. The table has them for everyone else.
  tell(index) {
    this.legend.forEach((item, line) => {
      const value = index == null ? null : this.data[line + 1][index];
      item.querySelector(".chart-value").textContent = value == null ? "" : format[this.dataset.unit].format(value);
    });
  }
});
