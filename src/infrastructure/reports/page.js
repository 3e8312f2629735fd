(() => {
  "use strict";
  // Shows under the pointer what every chart says at that bar. Without it, the page is complete.
  const told = JSON.parse(document.getElementById("points").textContent);
  const plots = [...document.querySelectorAll("[data-plot]")];
  const money = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 7 });
  const said = (value, unit) =>
    unit === "share" ? (value * 100).toFixed(2) + " %" : money.format(value);
  const nearest = (x) => {
    let low = 0, high = told.x.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (told.x[middle] < x) low = middle + 1; else high = middle;
    }
    return low > 0 && x - told.x[low - 1] < told.x[low] - x ? low - 1 : low;
  };
  const show = (bar) => {
    for (const plot of plots) {
      const cross = plot.querySelector(".cross");
      const read = plot.querySelector(".read");
      const lines = told.charts[plot.dataset.plot] || [];
      if (bar === null) {
        cross.style.visibility = "hidden";
        if (read) read.textContent = "";
        continue;
      }
      const place = told.x[bar] * 100 + "%";
      cross.setAttribute("x1", place);
      cross.setAttribute("x2", place);
      cross.style.visibility = "visible";
      if (!read) continue;
      const when = new Date(told.at[bar]).toISOString().slice(0, 16).replace("T00:00", "").replace("T", " ");
      read.textContent = when;
      for (const line of lines) {
        const value = document.createElement("b");
        value.textContent = said(line.values[bar], line.unit);
        read.append(" · " + line.name + " ", value);
      }
    }
  };
  for (const plot of plots) {
    const picture = plot.querySelector(".picture");
    plot.addEventListener("pointermove", (event) => {
      const box = picture.getBoundingClientRect();
      show(nearest(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))));
    });
    plot.addEventListener("pointerleave", () => show(null));
  }
})();
