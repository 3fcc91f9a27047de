namespace Sana.StillLife.Rendering;

/// <summary>The words on cards, in letters of 5 × 7 dots.</summary>
internal static class Lettering
{
    // Seven rows of five bits for each letter that Scene.Words uses.
    private static readonly Dictionary<char, byte[]> Letters = new()
    {
        ['a'] = [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        ['b'] = [0b11110, 0b10001, 0b10001, 0b11110, 0b10001, 0b10001, 0b11110],
        ['e'] = [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
        ['j'] = [0b00111, 0b00010, 0b00010, 0b00010, 0b00010, 0b10010, 0b01100],
        ['k'] = [0b10001, 0b10010, 0b10100, 0b11000, 0b10100, 0b10010, 0b10001],
        ['m'] = [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001],
        ['n'] = [0b10001, 0b11001, 0b10101, 0b10011, 0b10001, 0b10001, 0b10001],
        ['p'] = [0b11110, 0b10001, 0b10001, 0b11110, 0b10000, 0b10000, 0b10000],
        ['r'] = [0b11110, 0b10001, 0b10001, 0b11110, 0b10100, 0b10010, 0b10001],
        ['s'] = [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
        ['t'] = [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
        ['u'] = [0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b10001, 0b01110],
        ['y'] = [0b10001, 0b10001, 0b01010, 0b00100, 0b00100, 0b00100, 0b00100],
    };

    /// <summary>The card's centre and half sides, 0 to 1 of the picture's side.</summary>
    public const double CardX = 0.5, CardY = 0.24, CardHalfWidth = 0.36, CardHalfHeight = 0.16;

    private const double Dot = 0.033;

    /// <summary>Whether a letter covers a place of the card, given as 0 to 1 of the picture's side.</summary>
    public static bool IsInked(string word, double x, double y)
    {
        var (column, row) = ((int)Math.Floor(((x - CardX) / Dot) + (((6 * word.Length) - 1) / 2.0)), (int)Math.Floor(((y - CardY) / Dot) + 3.5));
        if (row is < 0 or > 6 || column < 0 || column >= (6 * word.Length) - 1 || column % 6 == 5)
            return false;
        return (Letters[word[column / 6]][row] >> (4 - (column % 6)) & 1) == 1;
    }
}
