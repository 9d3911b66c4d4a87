// Compressed sizes of images, which a person may enter.
import { sizes } from '../state/settings';
import { words } from '../words';

const MIB = 1024 * 1024;

export interface SizedImage {
  image: string;
  /** What is known without the entered size. */
  known?: string | undefined;
}

interface Props {
  meaning: string;
  images: SizedImage[];
  open?: boolean;
}

export function ImageSizes({ meaning, images, open = false }: Props) {
  const set = (image: string, mebibytes: number): void => {
    const { [image]: _, ...others } = sizes.peek();
    sizes.value = mebibytes > 0 ? { ...others, [image]: Math.round(mebibytes * MIB) } : others;
  };
  return (
    <details class="sizes" open={open || undefined}>
      <summary>{words.value.imageSizes}</summary>
      <p class="quiet">{meaning}</p>
      <ul class="plain-list">
        {images.map(({ image, known }) => (
          <li key={image}>
            <label class="field">
              <code>{image}</code>
              {known && <span class="unit">{known}</span>}
              <input
                type="number"
                min="0"
                max="1000000"
                step="any"
                value={image in sizes.value ? String(+(sizes.value[image]! / MIB).toFixed(2)) : ''}
                onChange={({ currentTarget }) => set(image, Math.min(currentTarget.valueAsNumber, 1_000_000))}
              />
              <span class="unit">MiB</span>
            </label>
          </li>
        ))}
      </ul>
    </details>
  );
}
