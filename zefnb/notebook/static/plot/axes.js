// The texts of values and of marks.

const compact = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 5 });

function figureText(value, reads) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (reads === "size") return sizeText(Math.round(value));
  if (reads === "duration") return durationText(value);
  const size = Math.abs(value);
  if (size >= 1e12 || (size > 0 && size < 1e-6)) return value.toExponential(3);
  return size >= 1e5 ? numberText(Math.round(value)) : compact.format(value);
}

const markText = (value, reads) => (value === null ? "" : value === 0 ? "0" : figureText(value, reads));

// A local time as exact as the step between marks.
function timeMark(seconds, step) {
  if (step >= DAY) return momentText(seconds).slice(0, 10);
  if (step >= 60) return clockText(seconds).slice(0, 5);
  const fraction = step >= 1 ? "" : (((seconds % 1) + 1) % 1).toFixed(step >= 0.1 ? 1 : 2).slice(1);
  return clockText(Math.floor(seconds)) + fraction;
}

const xText = (value, isTime) => (isTime ? timeMark(value, 0.01) : figureText(value, "number"));
