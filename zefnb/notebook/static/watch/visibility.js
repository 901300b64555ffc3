// Whether a view can be seen: its tab is in front, and its element is in the visible part of the page.

class Visibility {
  constructor(root, onChange) {
    this.outOfSight = false;
    this.onChange = onChange;
    document.addEventListener("visibilitychange", onChange);
    this.observer = new IntersectionObserver((entries) => {
      this.outOfSight = !entries.at(-1).isIntersecting;
      onChange();
    });
    this.observer.observe(root);
  }

  get isHidden() {
    return document.hidden || this.outOfSight;
  }

  close() {
    document.removeEventListener("visibilitychange", this.onChange);
    this.observer.disconnect();
  }
}
